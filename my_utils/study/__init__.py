"""The perceptual studies: pictures, questions, answers, statistics. Analysis needs no torch.

Reading order: manifest, pictures, questions, page, inputs, trial, amt, result_files, results,
screening, statistics, summary, report, figures; options are those that its scripts share. Tasks
about stimulus sets: presentation, stimuli_table, task_questions, lists, task_page, task_results,
signal_detection, psychometric, scaling, task_summary, task_report. Faces that participants set:
adjustment_tasks, adjustments, adjustment_report.
"""
